package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// creator creates pods of one namespace.
type creator struct {
	target   *target
	path     string
	prefix   string
	token    string
	body     *template
	nodes    int64
	owners   [][2]string // names and uids
	churn    bool
	refusals int64 // after so many refusals it stops; 0: never

	refused atomic.Int64
	stop    atomic.Bool
}

const deleted = "deleted"

func create(arguments []string) error {
	var e effort
	c := &creator{token: os.Getenv("TOKEN")}
	set := flag.NewFlagSet("create", flag.ExitOnError)
	e.flags(set)
	server := set.String("server", "", "`URL` of the API server; its bearer token is read from the environment, TOKEN")
	caFile := set.String("ca-file", "", "who signed its certificate, PEM")
	namespace := set.String("namespace", "default", "where to create")
	body := set.String("body", "", "`file` with a pod, @NAME@ @NODE@ @OWNER@ @OWNER_UID@ in it replaced")
	set.StringVar(&c.prefix, "prefix", "load-", "of the pods' names")
	set.Int64Var(&c.nodes, "nodes", 1, "@NODE@ becomes node-1 to node-N in turn")
	owners := set.String("owners", "", "`file` with lines of names and uids: @OWNER@ and @OWNER_UID@ in turn")
	set.BoolVar(&c.churn, "churn", false, "delete each pod at once")
	set.Int64Var(&c.refusals, "refusals", 0, "stop after so many refusals (403)")
	set.Parse(arguments)

	var err error
	if c.target, err = newTarget(*server, *caFile); err != nil {
		return err
	}
	if c.body, err = readTemplate(*body); err != nil {
		return err
	}
	if c.owners, err = readOwners(*owners); err != nil {
		return err
	}
	c.path = fmt.Sprintf("/api/v1/namespaces/%s/pods", *namespace)
	tallies, took, err := e.run(c.target, &c.stop, c.one)
	if err != nil {
		return err
	}
	return show(together(tallies, took, deleted))
}

// readOwners is nobody where there is no file.
func readOwners(path string) ([][2]string, error) {
	if path == "" {
		return [][2]string{{}}, nil
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	owners := pairs(file)
	if len(owners) == 0 {
		return nil, fmt.Errorf("%s names no owner: write lines of a name and a uid", path)
	}
	return owners, nil
}

func (c *creator) one(p *peer, number int64, seen *tally) {
	name := c.prefix + strconv.FormatInt(number, 10)
	body := c.body.fill(nil, func(mark string) string {
		switch mark {
		case "NODE":
			return "node-" + strconv.FormatInt(number%c.nodes+1, 10)
		case "OWNER":
			return c.owners[number%int64(len(c.owners))][0]
		case "OWNER_UID":
			return c.owners[number%int64(len(c.owners))][1]
		}
		return name
	})
	request := post(c.path, c.target.address, c.token, body)
	start := time.Now()
	code, answer, err := p.exchange(request)
	outcome := strconv.Itoa(code)
	seen.add(outcome, time.Since(start))
	if err != nil {
		seen.fail(outcome, err.Error())
		return
	}
	if code != 201 {
		seen.fail(outcome, strings.ReplaceAll(message(answer), name, "NAME"))
	}
	if code == 403 && c.refused.Add(1) == c.refusals {
		c.stop.Store(true)
	}
	if code == 201 && c.churn {
		c.delete(p, name, seen)
	}
}

func (c *creator) delete(p *peer, name string, seen *tally) {
	request := fmt.Sprintf("DELETE %s/%s?gracePeriodSeconds=0 HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\n\r\n",
		c.path, name, c.target.address, c.token)
	start := time.Now()
	code, answer, err := p.exchange([]byte(request))
	seen.add(deleted, time.Since(start))
	if err != nil {
		seen.fail(deleted, err.Error())
	} else if code != 200 {
		seen.fail(deleted, strings.ReplaceAll(message(answer), name, "NAME"))
	}
}

// message is what the API server says in words.
func message(answer []byte) string {
	var status struct {
		Message string `json:"message"`
	}
	if err := json.Unmarshal(answer, &status); err != nil || status.Message == "" {
		return string(answer)
	}
	return status.Message
}
