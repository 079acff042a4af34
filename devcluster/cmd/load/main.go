// Load makes work for what is measured, and costs little itself: requests are prepared bytes over connections kept alive.
//
//	load create   creates pods at an API server, and deletes them again if asked to
//	load replay   sends admission reviews straight to a webhook
//	load stall    opens connections that stop halfway, and holds them
//	load feed     is an API server for any number of pods that do not exist: lists, watches, config maps
//
// What was measured goes to standard output as one JSON object.
package main

import (
	"fmt"
	"os"
)

var commands = map[string]func(arguments []string) error{
	"create": create,
	"replay": replay,
	"stall":  stall,
	"feed":   feed,
}

func main() {
	if len(os.Args) < 2 || commands[os.Args[1]] == nil {
		fmt.Fprintln(os.Stderr, "usage: load {create|replay|stall|feed} [flags]")
		os.Exit(2)
	}
	if err := commands[os.Args[1]](os.Args[2:]); err != nil {
		fmt.Fprintf(os.Stderr, "load %s: %v\n", os.Args[1], err)
		os.Exit(1)
	}
}
