package main

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"
)

const (
	firstRevision = 1000
	namespaces    = 50
	// Pods that a webhook let in are shown, and are gone again after this at the latest: the cluster keeps its size.
	lifetime = 2 * time.Second
)

// crowd is the pods: those that were there from the start, and those that come and go.
type crowd struct {
	journal *journal
	pod     *template
	nodes   int

	lock      sync.Mutex
	revisions []int64           // of the pods from the start
	guests    map[string]*guest // the others, by name
	modified  int               // how many of the first have been modified, so that a storm goes round
}

type guest struct {
	name, uid string
	revision  int64
}

func newCrowd(pod *template, pods, nodes int) *crowd {
	c := &crowd{pod: pod, nodes: nodes, revisions: make([]int64, pods), guests: map[string]*guest{}}
	for index := range c.revisions {
		c.revisions[index] = firstRevision + int64(index) + 1
	}
	c.journal = newJournal(firstRevision + int64(pods))
	return c
}

func (c *crowd) serve(w http.ResponseWriter, r *http.Request) {
	if r.URL.Query().Get("watch") != "" {
		c.journal.watch(w, r, "Pod", "")
		return
	}
	c.lock.Lock()
	revision := c.journal.revision()
	guests := slices.Collect(maps.Values(c.guests))
	c.lock.Unlock()
	count := len(c.revisions) + len(guests)
	page(w, r, "Pod", revision, count, func(index int, out []byte) []byte {
		if index < len(c.revisions) {
			return c.first(out, index, c.revisionOf(index))
		}
		g := guests[index-len(c.revisions)]
		return c.write(out, "default", g.name, g.uid, "", g.revision)
	})
}

func (c *crowd) revisionOf(index int) int64 {
	c.lock.Lock()
	defer c.lock.Unlock()
	return c.revisions[index]
}

// first appends a pod from the start: its names are made from its number.
func (c *crowd) first(out []byte, index int, revision int64) []byte {
	namespace := fmt.Sprintf("team-%d", index%namespaces)
	name := fmt.Sprintf("web-%d-6f7c9d5b8-%05x", index/10, index*7919%0xfffff)
	uid := fmt.Sprintf("%08x-5d0e-4a53-9c1b-%012x", index*2654435761%0xffffffff, index)
	return c.write(out, namespace, name, uid, fmt.Sprintf("node-%d", index%c.nodes+1), revision)
}

func (c *crowd) write(out []byte, namespace, name, uid, node string, revision int64) []byte {
	return c.pod.fill(out, func(mark string) string {
		switch mark {
		case "NAMESPACE":
			return namespace
		case "NAME":
			return name
		case "UID":
			return uid
		case "NODE":
			return node
		}
		return strconv.FormatInt(revision, 10)
	})
}

// modification is a change of a pod from the start.
type modification struct {
	crowd *crowd
	index int
}

func (m modification) line(out []byte, revision int64, _ string) []byte {
	return event(out, "MODIFIED", "Pod", func(out []byte) []byte { return m.crowd.first(out, m.index, revision) })
}

// visit is the coming or going of a guest.
type visit struct {
	crowd  *crowd
	change string
	guest  *guest
}

func (v visit) line(out []byte, revision int64, _ string) []byte {
	return event(out, v.change, "Pod", func(out []byte) []byte {
		return v.crowd.write(out, "default", v.guest.name, v.guest.uid, "", revision)
	})
}

// tell takes in lines of names and uids: those pods are there now.
func (c *crowd) tell(w http.ResponseWriter, r *http.Request) {
	var come []*guest
	for _, pair := range pairs(r.Body) {
		come = append(come, &guest{name: pair[0], uid: pair[1]})
	}
	c.lock.Lock()
	defer c.lock.Unlock()
	c.arrive(come)
	time.AfterFunc(lifetime, func() {
		c.lock.Lock()
		defer c.lock.Unlock()
		c.depart(come)
	})
	answer(w, http.StatusOK, nil)
}

// clear lets all guests go at once.
func (c *crowd) clear(w http.ResponseWriter, _ *http.Request) {
	c.lock.Lock()
	defer c.lock.Unlock()
	c.depart(slices.Collect(maps.Values(c.guests)))
	answer(w, http.StatusOK, nil)
}

func (c *crowd) arrive(guests []*guest) {
	changes := make([]change, len(guests))
	revision := c.journal.revision()
	for index, g := range guests {
		changes[index] = visit{c, "ADDED", g}
		g.revision = revision + int64(index) + 1
		c.guests[g.name] = g
	}
	c.journal.add(changes...)
}

// depart passes over those that have gone already, and those whose name has another guest now.
func (c *crowd) depart(guests []*guest) {
	var changes []change
	for _, g := range guests {
		if c.guests[g.name] == g {
			changes = append(changes, visit{c, "DELETED", g})
			delete(c.guests, g.name)
		}
	}
	c.journal.add(changes...)
}

// storm lets many changes happen at once, and answers when every watch has been sent them all.
func (c *crowd) storm(w http.ResponseWriter, r *http.Request) {
	count := int(query(r, "events", 1000))
	start := time.Now()
	var until int64
	if r.URL.Query().Get("kind") == "guests" {
		until = c.stormOfGuests(count)
	} else {
		until = c.stormOfModifications(count)
	}
	for !c.journal.reached(until) {
		time.Sleep(time.Millisecond)
	}
	answer(w, http.StatusOK, fmt.Appendf(nil, `{"events":%d,"seconds":%f}`, count, time.Since(start).Seconds()))
}

func (c *crowd) stormOfModifications(count int) int64 {
	c.lock.Lock()
	defer c.lock.Unlock()
	changes := make([]change, count)
	revision := c.journal.revision()
	for index := range changes {
		pod := c.modified % len(c.revisions)
		c.modified++
		c.revisions[pod] = revision + int64(index) + 1
		changes[index] = modification{c, pod}
	}
	return c.journal.add(changes...)
}

// stormOfGuests lets each pod come, and go again right after.
func (c *crowd) stormOfGuests(count int) int64 {
	changes := make([]change, 0, count)
	for index := 0; len(changes) < count; index++ {
		g := &guest{name: fmt.Sprintf("storm-%d", index), uid: fmt.Sprintf("storm-%d-%d", index, time.Now().UnixNano())}
		changes = append(changes, visit{c, "ADDED", g}, visit{c, "DELETED", g})
	}
	return c.journal.add(changes...)
}

// fleet is the nodes, to which nothing ever happens.
type fleet struct {
	journal *journal
	node    *template
	nodes   int
}

func newFleet(node *template, nodes int) *fleet {
	return &fleet{newJournal(firstRevision + int64(nodes)), node, nodes}
}

func (f *fleet) serve(w http.ResponseWriter, r *http.Request) {
	if r.URL.Query().Get("watch") != "" {
		f.journal.watch(w, r, "Node", "")
		return
	}
	page(w, r, "Node", f.journal.revision(), f.nodes, func(index int, out []byte) []byte {
		return f.node.fill(out, func(mark string) string {
			if mark == "NAME" {
				return fmt.Sprintf("node-%d", index+1)
			}
			return strconv.Itoa(firstRevision + index + 1)
		})
	})
}
