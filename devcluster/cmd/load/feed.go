package main

import (
	"bufio"
	"crypto/tls"
	"flag"
	"fmt"
	"io"
	"log"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// The API server sends a bookmark about once a minute, and one just before a watch's time is up.
const (
	bookmarkEvery = time.Minute
	beforeTheEnd  = 2 * time.Second
)

// feed shows pods and nodes as an API server does, as many as are asked for, and keeps config maps.
func feed(arguments []string) error {
	set := flag.NewFlagSet("feed", flag.ExitOnError)
	listen := set.String("listen", "", "`address` to answer on, over TLS")
	certFile := set.String("tls-cert-file", "", "serving certificate, PEM")
	keyFile := set.String("tls-key-file", "", "its key, PEM")
	podFile := set.String("pod", "", "`file` with a pod as it stands in a list, @NAMESPACE@ @NAME@ @UID@ @NODE@ @REVISION@ in it replaced")
	nodeFile := set.String("node", "", "`file` with a node, @NAME@ and @REVISION@ in it replaced")
	pods := set.Int("pods", 0, "how many pods there are")
	nodes := set.Int("nodes", 1, "how many nodes there are")
	set.Parse(arguments)

	pod, err := readTemplate(*podFile)
	if err != nil {
		return err
	}
	node, err := readTemplate(*nodeFile)
	if err != nil {
		return err
	}
	c := newCrowd(pod, *pods, *nodes)
	routes := http.NewServeMux()
	routes.HandleFunc("GET /api/v1/pods", c.serve)
	routes.HandleFunc("GET /api/v1/nodes", newFleet(node, *nodes).serve)
	routes.HandleFunc("POST /bench/pods", c.tell)
	routes.HandleFunc("DELETE /bench/pods", c.clear)
	routes.HandleFunc("POST /bench/storm", c.storm)
	newConfigMaps().routes(routes)
	server := &http.Server{
		Addr:         *listen,
		Handler:      routes,
		TLSNextProto: map[string]func(*http.Server, *tls.Conn, http.Handler){}, // HTTP/1.1 alone, which is all that is measured
	}
	log.Printf("%d pods on %d nodes at %s", *pods, *nodes, *listen)
	return server.ListenAndServeTLS(*certFile, *keyFile)
}

// query reads a whole number from the URL.
func query(r *http.Request, name string, otherwise int64) int64 {
	value, err := strconv.ParseInt(r.URL.Query().Get(name), 10, 64)
	if err != nil {
		return otherwise
	}
	return value
}

// page writes a list of objects from `from` on; each is written by `item`, of `count` in all.
func page(w http.ResponseWriter, r *http.Request, kind string, revision int64, count int, item func(index int, out []byte) []byte) {
	from := int(query(r, "continue", 0))
	until := min(count, from+int(query(r, "limit", int64(count))))
	more := ""
	if until < count {
		more = fmt.Sprintf(`,"continue":"%d","remainingItemCount":%d`, until, count-until)
	}
	out := fmt.Appendf(nil, `{"kind":"%sList","apiVersion":"v1","metadata":{"resourceVersion":"%d"%s},"items":[`, kind, revision, more)
	for index := from; index < until; index++ {
		if index > from {
			out = append(out, ',')
		}
		out = item(index, out)
	}
	answer(w, http.StatusOK, append(out, "]}\n"...))
}

func answer(w http.ResponseWriter, code int, body []byte) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(code)
	w.Write(body)
}

// event is a line of a watch about an object that is written without its kind, as in a list.
func event(out []byte, change, kind string, write func(out []byte) []byte) []byte {
	out = fmt.Appendf(out, `{"type":"%s","object":{"kind":"%s","apiVersion":"v1",`, change, kind)
	start := len(out)
	out = write(out)
	out = append(out[:start], out[start+1:]...) // the object's own opening brace
	return append(out, "}\n"...)
}

func bookmark(out []byte, kind string, revision int64) []byte {
	return event(out, "BOOKMARK", kind, func(out []byte) []byte {
		return fmt.Appendf(out, `{"metadata":{"resourceVersion":"%d"}}`, revision)
	})
}

// pairs reads lines of two words.
func pairs(body io.Reader) [][2]string {
	var read [][2]string
	lines := bufio.NewScanner(body)
	for lines.Scan() {
		if first, second, ok := strings.Cut(lines.Text(), " "); ok {
			read = append(read, [2]string{first, second})
		}
	}
	return read
}
