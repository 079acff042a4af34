package main

import (
	"bufio"
	"crypto/tls"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"sort"
	"strings"
	"sync"
	"time"
)

// stages are the points at which a peer can stop; each brings a fresh connection there.
var stages = map[string]func(t *target, conn net.Conn) (net.Conn, error){
	"tcp":       func(_ *target, conn net.Conn) (net.Conn, error) { return conn, nil },
	"hello":     halfHello,
	"handshake": secured,
	"headers":   after("POST /validate HTTP/1.1\r\nHost: stalled\r\nContent-"),
	"body":      after("POST /validate HTTP/1.1\r\nHost: stalled\r\nContent-Type: application/json\r\nContent-Length: 4000\r\n\r\n{"),
	"parked":    parked,
}

// loss is when connections were ended by the other side, in seconds since they stalled.
type loss struct {
	Peers  int     `json:"peers"`
	Ended  int     `json:"ended"`
	First  float64 `json:"first_s"`
	Median float64 `json:"median_s"`
	Last   float64 `json:"last_s"`
}

func stall(arguments []string) error {
	set := flag.NewFlagSet("stall", flag.ExitOnError)
	address := set.String("url", "", "`URL` of the server")
	caFile := set.String("ca-file", "", "who signed its certificate, PEM")
	stage := set.String("stage", "", "tcp, hello, handshake, headers, body or parked (after a whole request)")
	count := set.Int("peers", 500, "how many")
	lossy := set.Bool("lossy", false, "go on without those that the server ends on their way there")
	set.Parse(arguments)
	t, err := newTarget(*address, *caFile)
	if err != nil {
		return err
	}
	if stages[*stage] == nil {
		return fmt.Errorf("no stage %q", *stage)
	}
	peers, err := stallAll(t, *stage, *count)
	there := slices.DeleteFunc(peers, func(p net.Conn) bool { return p == nil })
	if err != nil && (!*lossy || len(there) == 0) {
		return err
	}
	var lock sync.Mutex
	ended := make([]float64, *count-len(there)) // those that did not get there ended at once
	for _, p := range there {
		go func() {
			since := time.Now()
			// Whatever comes (an error page, an end of TLS), only the end of the connection counts.
			if _, err := io.Copy(io.Discard, p); !errors.Is(err, net.ErrClosed) {
				lock.Lock()
				defer lock.Unlock()
				ended = append(ended, time.Since(since).Seconds())
			}
		}()
	}
	fmt.Println("stalled")
	bufio.NewReader(os.Stdin).ReadString('\n')
	lock.Lock()
	defer lock.Unlock()
	return show(losses(*count, ended))
}

func losses(peers int, ended []float64) loss {
	l := loss{Peers: peers, Ended: len(ended)}
	if len(ended) > 0 {
		sort.Float64s(ended)
		l.First, l.Median, l.Last = ended[0], ended[len(ended)/2], ended[len(ended)-1]
	}
	return l
}

// stallAll brings all peers there, some at once, and fails if one cannot be.
func stallAll(t *target, stage string, count int) ([]net.Conn, error) {
	peers, errs := make([]net.Conn, count), make([]error, count)
	var all sync.WaitGroup
	places := make(chan struct{}, 200)
	for index := range peers {
		all.Go(func() {
			places <- struct{}{}
			defer func() { <-places }()
			conn, err := net.DialTimeout("tcp", t.address, patience)
			if err == nil {
				conn, err = stages[stage](t, conn)
			}
			if err == nil {
				peers[index] = conn
			} else if conn != nil {
				conn.Close()
			}
			errs[index] = err
		})
	}
	all.Wait()
	return peers, errors.Join(errs...)
}

func secured(t *target, conn net.Conn) (net.Conn, error) {
	secure := tls.Client(conn, t.tls)
	return secure, secure.Handshake()
}

func after(text string) func(t *target, conn net.Conn) (net.Conn, error) {
	return func(t *target, conn net.Conn) (net.Conn, error) {
		secure, err := secured(t, conn)
		if err == nil {
			_, err = io.WriteString(secure, text)
		}
		return secure, err
	}
}

func parked(t *target, conn net.Conn) (net.Conn, error) {
	secure, err := secured(t, conn)
	if err != nil {
		return nil, err
	}
	p := &peer{t, secure, bufio.NewReader(secure)}
	_, _, err = p.try([]byte("GET /healthz HTTP/1.1\r\nHost: parked\r\n\r\n"))
	return secure, err
}

// halfHello sends the first half of what a TLS client says first.
func halfHello(t *target, conn net.Conn) (net.Conn, error) {
	caught := &catcher{}
	// It fails as soon as the hello is caught, which is all that is wanted of it.
	if err := tls.Client(caught, t.tls).Handshake(); !errors.Is(err, errCaught) {
		return nil, fmt.Errorf("no ClientHello was made: %w", err)
	}
	_, err := io.Copy(conn, strings.NewReader(string(caught.hello[:len(caught.hello)/2])))
	return conn, err
}

var errCaught = errors.New("caught")

type catcher struct {
	net.Conn
	hello []byte
}

func (c *catcher) Write(data []byte) (int, error) {
	c.hello = append([]byte{}, data...)
	return 0, errCaught
}

func (c *catcher) Close() error { return nil }

func (c *catcher) SetWriteDeadline(time.Time) error { return nil }
