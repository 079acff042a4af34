package main

import (
	"encoding/json"
	"math"
	"os"
	"regexp"
	"sort"
	"time"
)

// Different texts of errors that are worth keeping: more say nothing new.
const mostTexts = 20

// latency is in milliseconds.
type latency struct {
	Count int     `json:"count"`
	Mean  float64 `json:"mean_ms"`
	P50   float64 `json:"p50_ms"`
	P90   float64 `json:"p90_ms"`
	P99   float64 `json:"p99_ms"`
	Max   float64 `json:"max_ms"`
}

type report struct {
	Seconds   float64            `json:"seconds"`
	CPU       float64            `json:"cpu_seconds"` // of this program
	Answers   int                `json:"answers"`
	PerSecond float64            `json:"per_second"`
	Outcomes  map[string]latency `json:"outcomes"`
	Errors    map[string]int     `json:"errors"`
}

// tally is what one client saw; several are put together at the end, so that none waits for another.
type tally struct {
	took   map[string][]time.Duration
	errors map[string]int
}

func newTally() *tally {
	return &tally{map[string][]time.Duration{}, map[string]int{}}
}

func (t *tally) add(outcome string, took time.Duration) {
	t.took[outcome] = append(t.took[outcome], took)
}

var figures = regexp.MustCompile(`[0-9][0-9.]*`)

// fail keeps the text of an error, without the figures and the name that make each one different.
func (t *tally) fail(outcome, text string) {
	text = outcome + ": " + figures.ReplaceAllString(text, "#")
	if len(text) > 300 {
		text = text[:300]
	}
	if _, known := t.errors[text]; !known && len(t.errors) >= mostTexts {
		text = "others"
	}
	t.errors[text]++
}

// together counts what belongs to `main` outcomes in the rate; `apart` is an outcome that does not.
func together(tallies []*tally, took spent, apart string) report {
	all := newTally()
	for _, t := range tallies {
		for outcome, took := range t.took {
			all.took[outcome] = append(all.took[outcome], took...)
		}
		for text, count := range t.errors {
			all.errors[text] += count
		}
	}
	r := report{Seconds: took.elapsed.Seconds(), CPU: took.cpu.Seconds(), Outcomes: map[string]latency{}, Errors: all.errors}
	for outcome, took := range all.took {
		r.Outcomes[outcome] = summary(took)
		if outcome != apart {
			r.Answers += len(took)
		}
	}
	r.PerSecond = float64(r.Answers) / r.Seconds
	return r
}

func summary(took []time.Duration) latency {
	sort.Slice(took, func(i, j int) bool { return took[i] < took[j] })
	var sum time.Duration
	for _, each := range took {
		sum += each
	}
	at := func(share float64) float64 {
		rank := int(math.Ceil(share*float64(len(took)))) - 1
		return milliseconds(took[max(rank, 0)])
	}
	return latency{len(took), milliseconds(sum) / float64(len(took)), at(0.50), at(0.90), at(0.99), at(1)}
}

func milliseconds(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1e6 }

func show(value any) error { return json.NewEncoder(os.Stdout).Encode(value) }
