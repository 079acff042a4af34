package main

import (
	"crypto/tls"
	"fmt"
	"io"
	"log"
	"net/http"
	"time"
)

// As long as a kubelet's readiness probe waits by default.
const probeTimeout = time.Second

// watch keeps the member's readiness up to date, for ever.
func watch(m *member, path string, every time.Duration) {
	client := &http.Client{
		Timeout: probeTimeout,
		// A probe asks whether the backend answers, not who it is; the kubelet does not verify either.
		Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}},
	}
	for ; ; time.Sleep(every) {
		err := probe(client, "https://"+m.address+path)
		if was := m.ready.Swap(err == nil); was != (err == nil) {
			report(m.address, err)
		}
	}
}

func report(address string, err error) {
	if err != nil {
		log.Printf("%s is not ready: %v", address, err)
		return
	}
	log.Printf("%s is ready", address)
}

func probe(client *http.Client, url string) error {
	response, err := client.Get(url)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	// Read to the end, or the connection cannot be used again and each look would cost a handshake.
	if _, err := io.Copy(io.Discard, io.LimitReader(response.Body, 64<<10)); err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("it answers %s", response.Status)
	}
	return nil
}
