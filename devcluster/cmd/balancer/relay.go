package main

import (
	"io"
	"log"
	"net"
	"time"
)

const dialTimeout = time.Second

func serve(address string, p *pool) error {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	log.Printf("listening on %s", listener.Addr())
	for {
		client, err := listener.Accept()
		if err != nil {
			return err
		}
		go relay(client.(*net.TCPConn), p)
	}
}

// relay hands the connection to one member for as long as it lasts, whatever that member's readiness becomes: a Service does
// the same. It does not try a second member either, since a Service would not.
func relay(client *net.TCPConn, p *pool) {
	m := p.next()
	if m == nil {
		reset(client)
		return
	}
	dialled, err := net.DialTimeout("tcp", m.address, dialTimeout)
	if err != nil {
		log.Printf("%s took no connection: %v", m.address, err)
		reset(client)
		return
	}
	backend := dialled.(*net.TCPConn)
	upstream := make(chan struct{})
	go func() {
		pour(backend, client)
		close(upstream)
	}()
	pour(client, backend)
	<-upstream
	client.Close()
	backend.Close()
}

// pour copies until the source ends, then tells the target so. Between two TCP connections io.Copy is splice(2): no byte
// comes to user space.
func pour(target, source *net.TCPConn) {
	if _, err := io.Copy(target, source); err != nil {
		// One side broke: the other must hear of it now, not when it next writes.
		reset(target)
		reset(source)
		return
	}
	target.CloseWrite()
}

// reset closes with RST, as a refused connection looks from the far end.
func reset(connection *net.TCPConn) {
	connection.SetLinger(0)
	connection.Close()
}
