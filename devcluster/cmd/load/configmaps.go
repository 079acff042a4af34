package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
)

type configMap struct {
	Metadata struct {
		Name            string `json:"name"`
		Namespace       string `json:"namespace"`
		ResourceVersion string `json:"resourceVersion,omitempty"`
	} `json:"metadata"`
	Data map[string]string `json:"data"`
}

// configMaps is a small store with compare-and-swap, lists and watches, each of one namespace or one name.
type configMaps struct {
	lock    sync.Mutex
	journal *journal
	kept    map[string]configMap // by namespace/name
}

func newConfigMaps() *configMaps {
	return &configMaps{journal: newJournal(firstRevision), kept: map[string]configMap{}}
}

func (c *configMaps) routes(mux *http.ServeMux) {
	const collection = "/api/v1/namespaces/{namespace}/configmaps"
	mux.HandleFunc("GET "+collection, c.list)
	mux.HandleFunc("POST "+collection, c.write)
	mux.HandleFunc("GET "+collection+"/{name}", c.get)
	mux.HandleFunc("PUT "+collection+"/{name}", c.write)
}

func (c *configMaps) list(w http.ResponseWriter, r *http.Request) {
	_, name, _ := strings.Cut(r.URL.Query().Get("fieldSelector"), "metadata.name=")
	key := r.PathValue("namespace") + "/" + name
	if r.URL.Query().Get("watch") != "" {
		c.journal.watch(w, r, "ConfigMap", key)
		return
	}
	c.lock.Lock()
	defer c.lock.Unlock()
	var found []configMap
	if one, ok := c.kept[key]; ok {
		found = append(found, one)
	}
	page(w, r, "ConfigMap", c.journal.revision(), len(found), func(index int, out []byte) []byte {
		return append(out, encoded(found[index])...)
	})
}

func (c *configMaps) get(w http.ResponseWriter, r *http.Request) {
	c.lock.Lock()
	defer c.lock.Unlock()
	one, ok := c.kept[r.PathValue("namespace")+"/"+r.PathValue("name")]
	if !ok {
		refuse(w, http.StatusNotFound, "NotFound")
		return
	}
	answer(w, http.StatusOK, encoded(one))
}

// write creates (POST) or replaces (PUT).
func (c *configMaps) write(w http.ResponseWriter, r *http.Request) {
	var one configMap
	body, err := io.ReadAll(r.Body)
	if err != nil || json.Unmarshal(body, &one) != nil {
		refuse(w, http.StatusBadRequest, "BadRequest")
		return
	}
	one.Metadata.Namespace = r.PathValue("namespace")
	key := one.Metadata.Namespace + "/" + one.Metadata.Name
	c.lock.Lock()
	defer c.lock.Unlock()
	old, there := c.kept[key]
	sent := one.Metadata.ResourceVersion
	switch {
	case r.Method == http.MethodPut && !there:
		refuse(w, http.StatusNotFound, "NotFound")
		return
	case r.Method == http.MethodPost && there:
		refuse(w, http.StatusConflict, "AlreadyExists")
		return
	case r.Method == http.MethodPut && sent != "" && sent != old.Metadata.ResourceVersion:
		refuse(w, http.StatusConflict, "Conflict")
		return
	}
	one.Metadata.ResourceVersion = strconv.FormatInt(c.journal.revision()+1, 10)
	c.kept[key] = one
	c.journal.add(edit{one, key, there})
	answer(w, http.StatusOK, encoded(one))
}

type edit struct {
	one   configMap
	key   string
	there bool
}

func (e edit) line(out []byte, _ int64, selected string) []byte {
	if e.key != selected {
		return out
	}
	kind := "ADDED"
	if e.there {
		kind = "MODIFIED"
	}
	return event(out, kind, "ConfigMap", func(out []byte) []byte { return append(out, encoded(e.one)...) })
}

func encoded(one configMap) []byte {
	text, _ := json.Marshal(one) // strings alone can always be written
	return text
}

func refuse(w http.ResponseWriter, code int, reason string) {
	answer(w, code, fmt.Appendf(nil, `{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"%s","code":%d}`, reason, code))
}
