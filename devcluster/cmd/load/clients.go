package main

import (
	"errors"
	"flag"
	"sync"
	"sync/atomic"
	"syscall"
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

// spent is what the counted requests took: by the clock, and of the processors by this program alone.
type spent struct {
	elapsed time.Duration
	cpu     time.Duration
}

// run lets all clients connect and warm up before the clock starts, and returns what they saw and what that took. A client
// asks at once when it is connected: some servers give a thread to each peer that has not asked yet, and have only a few.
func (e *effort) run(t *target, stop *atomic.Bool, do work) ([]*tally, spent, error) {
	peers, errs := make([]*peer, e.clients), make([]error, e.clients)
	var taken atomic.Int64
	e.each(func(client int) {
		if peers[client], errs[client] = t.connect(); errs[client] != nil {
			return
		}
		for range e.warm {
			do(peers[client], taken.Add(1), newTally())
		}
	})
	if err := errors.Join(errs...); err != nil {
		return nil, spent{}, err
	}
	tallies := make([]*tally, e.clients)
	last := taken.Load() + e.count
	start, before := time.Now(), processorTime()
	deadline := start.Add(time.Duration(e.seconds * float64(time.Second)))
	e.each(func(client int) {
		tallies[client] = newTally()
		for time.Now().Before(deadline) && !stop.Load() {
			number := taken.Add(1)
			if number > last {
				return
			}
			do(peers[client], number, tallies[client])
		}
	})
	took := spent{time.Since(start), processorTime() - before}
	for _, p := range peers {
		p.close()
	}
	return tallies, took, nil
}

// processorTime is that of all threads of this program since its start.
func processorTime() time.Duration {
	var usage syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &usage) // it cannot fail for ourselves
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

func (e *effort) each(do func(client int)) {
	var all sync.WaitGroup
	for client := range e.clients {
		all.Go(func() { do(client) })
	}
	all.Wait()
}
