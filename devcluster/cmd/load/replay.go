package main

import (
	"bytes"
	"crypto/tls"
	"flag"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// replayer sends one review again and again, each time about another pod.
type replayer struct {
	target *target
	path   string
	prefix string
	body   *template
	told   *teller
}

func replay(arguments []string) error {
	var e effort
	r := &replayer{}
	set := flag.NewFlagSet("replay", flag.ExitOnError)
	e.flags(set)
	address := set.String("url", "", "`URL` of the webhook")
	caFile := set.String("ca-file", "", "who signed its certificate, PEM")
	review := set.String("review", "", "`file` with a review, @UID@, @POD@ and @NAME@ in it replaced")
	set.StringVar(&r.prefix, "prefix", "replay-", "of the pods' names")
	tell := set.String("tell", "", "`URL` of a feed that is to show the pods that were let in")
	set.Parse(arguments)

	var err error
	if r.target, err = newTarget(*address, *caFile); err != nil {
		return err
	}
	if r.body, err = readTemplate(*review); err != nil {
		return err
	}
	parsed, err := url.Parse(*address)
	if err != nil {
		return err
	}
	r.path = parsed.RequestURI()
	r.told = newTeller(*tell)
	tallies, took, err := e.run(r.target, &atomic.Bool{}, r.one)
	if err != nil {
		return err
	}
	if err := r.told.finish(); err != nil {
		return err
	}
	return show(together(tallies, took, ""))
}

func (r *replayer) one(p *peer, number int64, seen *tally) {
	name := r.prefix + strconv.FormatInt(number, 10)
	pod := name + "-pod"
	body := r.body.fill(nil, func(mark string) string {
		switch mark {
		case "UID":
			return name + "-review"
		case "POD":
			return pod
		}
		return name
	})
	request := post(r.path, r.target.address, "", body)
	start := time.Now()
	code, answer, err := p.exchange(request)
	took := time.Since(start)
	outcome := verdict(code, answer)
	seen.add(outcome, took)
	if err != nil {
		seen.fail(outcome, err.Error())
		return
	}
	if outcome == "allowed" {
		r.told.add(name, pod)
	} else {
		seen.fail(outcome, strings.ReplaceAll(string(answer), name, "NAME"))
	}
}

func verdict(code int, answer []byte) string {
	switch {
	case code != http.StatusOK:
		return strconv.Itoa(code)
	case bytes.Contains(answer, []byte(`"allowed":true`)):
		return "allowed"
	}
	return "refused"
}

// teller tells a feed which pods were let in, as an API server's watch would, some milliseconds later and many at once.
type teller struct {
	url    string
	client *http.Client
	lock   sync.Mutex
	lines  bytes.Buffer
	end    chan struct{}
	ended  chan error
}

func newTeller(url string) *teller {
	t := &teller{url: url, end: make(chan struct{}), ended: make(chan error, 1)}
	if url == "" {
		return t
	}
	t.client = &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
	go t.run()
	return t
}

func (t *teller) add(name, uid string) {
	if t.url == "" {
		return
	}
	t.lock.Lock()
	defer t.lock.Unlock()
	fmt.Fprintln(&t.lines, name, uid)
}

func (t *teller) finish() error {
	if t.url == "" {
		return nil
	}
	close(t.end)
	return <-t.ended
}

func (t *teller) run() {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		over := false
		select {
		case <-tick.C:
		case <-t.end:
			over = true
		}
		if err := t.flush(); err != nil || over {
			t.ended <- err
			return
		}
	}
}

func (t *teller) flush() error {
	t.lock.Lock()
	lines := bytes.Clone(t.lines.Bytes())
	t.lines.Reset()
	t.lock.Unlock()
	if len(lines) == 0 {
		return nil
	}
	response, err := t.client.Post(t.url+"/bench/pods", "text/plain", bytes.NewReader(lines))
	if err != nil {
		return err
	}
	response.Body.Close()
	return nil
}
