// Balancer stands in for a Kubernetes Service on loopback: it spreads new TCP connections over the replicas that are ready.
// It is compiled, and leaves the copying to the kernel, so that it does not cost what is being measured.
package main

import (
	"flag"
	"fmt"
	"log"
	"os"
	"strings"
	"time"
)

type addresses []string

func (a *addresses) String() string { return strings.Join(*a, ",") }

func (a *addresses) Set(value string) error {
	*a = append(*a, value)
	return nil
}

func main() {
	var backends addresses
	listen := flag.String("listen", "", "`address` to accept connections on")
	path := flag.String("path", "/readyz", "`path` that a backend answers with 200 over HTTPS while it is ready")
	every := flag.Duration("every", 100*time.Millisecond, "`time` between two looks at a backend")
	flag.Var(&backends, "backend", "`address` of a backend; repeat for more")
	flag.Parse()
	if *listen == "" || len(backends) == 0 || flag.NArg() > 0 {
		fmt.Fprintln(os.Stderr, "usage: balancer --listen ADDRESS --backend ADDRESS [--backend ADDRESS ...]")
		os.Exit(2)
	}

	log.SetFlags(log.LstdFlags | log.LUTC | log.Lmicroseconds)
	pool := newPool(backends)
	for _, member := range pool.members {
		go watch(member, *path, *every)
	}
	log.Fatal(serve(*listen, pool))
}
