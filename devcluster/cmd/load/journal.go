package main

import (
	"net/http"
	"sync"
	"time"
)

// change is what happened at one revision; it is written only when a watch comes to it, so that millions cost little.
type change interface {
	// line appends the line of the watch; nothing for a watch that does not select the object.
	line(out []byte, revision int64, selected string) []byte
}

// journal is all that happened since a first revision: change number n has the revision first+n.
type journal struct {
	lock    sync.Mutex
	first   int64
	changes []change
	news    chan struct{} // closed at the next change
	watches map[*int64]struct{}
}

func newJournal(first int64) *journal {
	return &journal{first: first, news: make(chan struct{}), watches: map[*int64]struct{}{}}
}

func (j *journal) revision() int64 {
	j.lock.Lock()
	defer j.lock.Unlock()
	return j.first + int64(len(j.changes))
}

func (j *journal) add(changes ...change) int64 {
	j.lock.Lock()
	defer j.lock.Unlock()
	j.changes = append(j.changes, changes...)
	close(j.news)
	j.news = make(chan struct{})
	return j.first + int64(len(j.changes))
}

// since returns what follows a revision, and what to wait for when that is nothing.
func (j *journal) since(revision int64) ([]change, <-chan struct{}) {
	j.lock.Lock()
	defer j.lock.Unlock()
	at := max(revision-j.first, 0)
	return j.changes[min(at, int64(len(j.changes))):], j.news
}

// reached says whether there are watches, and all were sent everything up to a revision.
func (j *journal) reached(revision int64) bool {
	j.lock.Lock()
	defer j.lock.Unlock()
	for at := range j.watches {
		if *at < revision {
			return false
		}
	}
	return len(j.watches) > 0
}

// advance moves a watch on; it is the only one to do so, but others look.
func (j *journal) advance(at *int64, to int64) {
	j.lock.Lock()
	defer j.lock.Unlock()
	*at = to
	j.watches[at] = struct{}{}
}

func (j *journal) forget(at *int64) {
	j.lock.Lock()
	defer j.lock.Unlock()
	delete(j.watches, at)
}

// watch streams changes until its time is up or the peer is gone.
func (j *journal) watch(w http.ResponseWriter, r *http.Request, kind, selected string) {
	end := time.After(time.Duration(query(r, "timeoutSeconds", 1800)) * time.Second)
	last := time.After(time.Duration(query(r, "timeoutSeconds", 1800))*time.Second - beforeTheEnd)
	minute := time.NewTicker(bookmarkEvery)
	defer minute.Stop()
	flush := http.NewResponseController(w).Flush
	w.Header().Set("Content-Type", "application/json")
	flush()

	at := new(int64)
	j.advance(at, query(r, "resourceVersion", j.first))
	defer j.forget(at)
	for {
		if err := j.send(w, at, selected); err != nil {
			return
		}
		_, news := j.since(*at)
		select {
		case <-news:
			continue
		case <-minute.C:
		case <-last:
		case <-end:
			return
		case <-r.Context().Done():
			return
		}
		w.Write(bookmark(nil, kind, *at))
		flush()
	}
}

// send writes everything there is, some tens of kilobytes at a time.
func (j *journal) send(w http.ResponseWriter, at *int64, selected string) error {
	changes, _ := j.since(*at)
	revision := *at
	var out []byte
	for index, each := range changes {
		revision++
		out = each.line(out, revision, selected)
		if len(out) < 64<<10 && index < len(changes)-1 {
			continue
		}
		if _, err := w.Write(out); err != nil {
			return err
		}
		j.advance(at, revision)
		out = out[:0]
	}
	if len(changes) == 0 {
		return nil
	}
	return http.NewResponseController(w).Flush()
}
