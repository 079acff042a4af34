package main

import "sync/atomic"

type member struct {
	address string
	ready   atomic.Bool
}

type pool struct {
	members []*member
	turn    atomic.Uint64
}

func newPool(backends []string) *pool {
	p := &pool{}
	for _, address := range backends {
		p.members = append(p.members, &member{address: address})
	}
	return p
}

// next takes the ready members in turn; nil if none is ready.
func (p *pool) next() *member {
	ready := make([]*member, 0, len(p.members))
	for _, m := range p.members {
		if m.ready.Load() {
			ready = append(ready, m)
		}
	}
	if len(ready) == 0 {
		return nil
	}
	return ready[(p.turn.Add(1)-1)%uint64(len(ready))]
}
