package main

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"time"
)

// Longer than the API server gives any request, so that its own answer is what is counted.
const patience = 65 * time.Second

// target is a server, and whose signature its certificate must bear.
type target struct {
	address string
	tls     *tls.Config
}

func newTarget(rawURL, caFile string) (*target, error) {
	parsed, err := url.Parse(rawURL)
	if err != nil {
		return nil, err
	}
	pem, err := os.ReadFile(caFile)
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("%s holds no certificate", caFile)
	}
	return &target{parsed.Host, &tls.Config{RootCAs: roots, ServerName: parsed.Hostname()}}, nil
}

// peer is one connection that is kept alive.
type peer struct {
	target *target
	conn   net.Conn
	in     *bufio.Reader
}

func (t *target) connect() (*peer, error) {
	p := &peer{target: t}
	return p, p.open()
}

func (p *peer) open() error {
	conn, err := net.DialTimeout("tcp", p.target.address, patience)
	if err != nil {
		return err
	}
	secure := tls.Client(conn, p.target.tls)
	if err := secure.Handshake(); err != nil {
		conn.Close()
		return err
	}
	p.conn, p.in = secure, bufio.NewReaderSize(secure, 16<<10)
	return nil
}

func (p *peer) close() { p.conn.Close() }

// exchange sends a whole request and reads the whole answer. After an error the connection is a new one.
func (p *peer) exchange(request []byte) (int, []byte, error) {
	code, body, err := p.try(request)
	if err == nil {
		return code, body, nil
	}
	p.close()
	if again := p.open(); again != nil {
		return 0, nil, fmt.Errorf("%w; then %w", err, again)
	}
	return 0, nil, err
}

func (p *peer) try(request []byte) (int, []byte, error) {
	p.conn.SetDeadline(time.Now().Add(patience))
	if _, err := p.conn.Write(request); err != nil {
		return 0, nil, err
	}
	response, err := http.ReadResponse(p.in, nil)
	if err != nil {
		return 0, nil, err
	}
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return 0, nil, err
	}
	if response.Close {
		p.close()
		return response.StatusCode, body, p.open()
	}
	return response.StatusCode, body, nil
}
