// Command affinity says which nodes a pod may run on, by Kubernetes' own rule for nodeSelector and required node affinity.
//
// Standard input: one JSON object on each line, {"pod": ..., "nodes": [...]}, of core/v1. Standard output: for each line
// a JSON list with true or false for each node, in order.
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"io"
	"log"
	"os"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/component-helpers/scheduling/corev1/nodeaffinity"
)

type question struct {
	Pod   corev1.Pod    `json:"pod"`
	Nodes []corev1.Node `json:"nodes"`
}

func main() {
	in := bufio.NewReader(os.Stdin)
	out := bufio.NewWriter(os.Stdout)
	if err := answerAll(in, json.NewEncoder(out)); err != nil {
		log.Fatal(err)
	}
	if err := out.Flush(); err != nil {
		log.Fatal(err)
	}
}

func answerAll(in *bufio.Reader, out *json.Encoder) error {
	for {
		line, err := in.ReadBytes('\n')
		if len(line) > 0 {
			var asked question
			if err := json.Unmarshal(line, &asked); err != nil {
				return err
			}
			if err := out.Encode(admitted(&asked)); err != nil {
				return err
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// admitted asks the rule that the scheduler's NodeAffinity plugin asks; it takes a term that cannot be read for one that
// selects no node.
func admitted(asked *question) []bool {
	required := nodeaffinity.GetRequiredNodeAffinity(&asked.Pod)
	found := make([]bool, 0, len(asked.Nodes))
	for i := range asked.Nodes {
		match, _ := required.Match(&asked.Nodes[i])
		found = append(found, match)
	}
	return found
}
