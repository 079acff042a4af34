package main

import (
	"bytes"
	"fmt"
	"os"
	"strings"
)

// template is text with marks such as @NAME@, cut at the marks so that filling it in is no more than copying.
type template struct {
	texts [][]byte // one more than marks
	marks []string
}

func readTemplate(path string) (*template, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	return cut(bytes.TrimSpace(text))
}

func cut(text []byte) (*template, error) {
	parts := bytes.Split(text, []byte("@"))
	if len(parts)%2 == 0 {
		return nil, fmt.Errorf("a mark has no end: marks look like @NAME@")
	}
	t := &template{}
	for index, part := range parts {
		if index%2 == 0 {
			t.texts = append(t.texts, part)
		} else {
			t.marks = append(t.marks, string(part))
		}
	}
	return t, nil
}

// fill appends the text with the marks replaced; a mark without a value is a mistake of the caller.
func (t *template) fill(out []byte, value func(mark string) string) []byte {
	for index, mark := range t.marks {
		out = append(out, t.texts[index]...)
		out = append(out, value(mark)...)
	}
	return append(out, t.texts[len(t.marks)]...)
}

// post is a whole request, headers and all.
func post(path, host, token string, body []byte) []byte {
	var head strings.Builder
	fmt.Fprintf(&head, "POST %s HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\nAccept: application/json\r\n", path, host)
	if token != "" {
		fmt.Fprintf(&head, "Authorization: Bearer %s\r\n", token)
	}
	fmt.Fprintf(&head, "Content-Length: %d\r\n\r\n", len(body))
	return append([]byte(head.String()), body...)
}
