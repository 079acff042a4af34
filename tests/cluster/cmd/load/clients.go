package main

import (
	"flag"
	"sync"
	"sync/atomic"
	"time"
)

// effort is how much work is to be done: until the time is up or the count is reached, whichever comes first.
type effort struct {
	clients int
	warm    int
	count   int64
	seconds float64
}

func (e *effort) flags(set *flag.FlagSet) {
	set.IntVar(&e.clients, "clients", 1, "how many work at once, each over its own connection")
	set.IntVar(&e.warm, "warm", 0, "requests of each client before the clock starts, which are not counted")
	set.Int64Var(&e.count, "count", 1<<40, "requests in all, the warm ones left out")
	set.Float64Var(&e.seconds, "seconds", 60, "after which no new request is sent")
}

// work does one request; what it saw goes into the tally. The number is different for each.
type work func(p *peer, number int64, seen *tally)

// run connects all clients first, so that no handshake is measured, and returns what they saw and how long it took.
func (e *effort) run(t *target, stop *atomic.Bool, do work) ([]*tally, time.Duration, error) {
	peers := make([]*peer, e.clients)
	for index := range peers {
		p, err := t.connect()
		if err != nil {
			return nil, 0, err
		}
		defer p.close()
		peers[index] = p
	}
	var taken atomic.Int64
	e.each(peers, newTallies(e.clients), func(p *peer, seen *tally) {
		for range e.warm {
			do(p, taken.Add(1), seen)
		}
	})
	tallies := newTallies(e.clients)
	last := taken.Load() + e.count
	start := time.Now()
	deadline := start.Add(time.Duration(e.seconds * float64(time.Second)))
	e.each(peers, tallies, func(p *peer, seen *tally) {
		for time.Now().Before(deadline) && !stop.Load() {
			number := taken.Add(1)
			if number > last {
				return
			}
			do(p, number, seen)
		}
	})
	return tallies, time.Since(start), nil
}

func (e *effort) each(peers []*peer, tallies []*tally, do func(p *peer, seen *tally)) {
	var all sync.WaitGroup
	for index, p := range peers {
		all.Go(func() { do(p, tallies[index]) })
	}
	all.Wait()
}

func newTallies(count int) []*tally {
	tallies := make([]*tally, count)
	for index := range tallies {
		tallies[index] = newTally()
	}
	return tallies
}
