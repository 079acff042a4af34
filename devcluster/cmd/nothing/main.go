// Nothing is a webhook that lets everything in: what any webhook costs at the least. It reads a review only as far as it must
// to answer it, over TLS, as the API server requires.
package main

import (
	"encoding/json"
	"flag"
	"io"
	"log"
	"net/http"
	"os"
)

type review struct {
	Request struct {
		UID string `json:"uid"`
	} `json:"request"`
}

func main() {
	listen := flag.String("listen", "127.0.0.1:0", "`address` to answer on")
	certFile := flag.String("tls-cert-file", "", "serving certificate, PEM")
	keyFile := flag.String("tls-key-file", "", "its key, PEM")
	record := flag.String("record", "", "`file` to keep the last review in")
	flag.Parse()

	http.HandleFunc("GET /readyz", func(http.ResponseWriter, *http.Request) {})
	http.HandleFunc("POST /validate", func(w http.ResponseWriter, r *http.Request) { validate(w, r, *record) })
	log.Fatal(http.ListenAndServeTLS(*listen, *certFile, *keyFile, nil))
}

func validate(w http.ResponseWriter, r *http.Request, record string) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the caller is gone
	}
	var asked review
	if err := json.Unmarshal(body, &asked); err != nil || asked.Request.UID == "" {
		http.Error(w, "send an AdmissionReview", http.StatusBadRequest)
		return
	}
	if record != "" {
		if err := os.WriteFile(record, body, 0o600); err != nil {
			log.Print(err)
		}
	}
	uid, _ := json.Marshal(asked.Request.UID) // a string can always be written
	w.Header().Set("Content-Type", "application/json")
	io.WriteString(w, `{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","response":{"uid":`+string(uid)+`,"allowed":true}}`)
}
