// Command quota says what Kubernetes' own admission makes of pods and quotas: the second opinion for webhook/core/quotas.
//
// It reads cases as JSON lines (a pod, the pod before a resize, the quotas of its namespace) and answers each with one
// line: what is said against the pod, or nothing, or why the case cannot be decoded.
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"io"
	"log"
	"os"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apiserver/pkg/admission"
	"k8s.io/apiserver/pkg/admission/plugin/resourcequota"
	quota "k8s.io/apiserver/pkg/quota/v1"
	"k8s.io/kubernetes/pkg/quota/v1/evaluator/core"
	"k8s.io/utils/clock"
)

type question struct {
	Pod    json.RawMessage   `json:"pod"`
	Before json.RawMessage   `json:"before,omitempty"`
	Quotas []json.RawMessage `json:"quotas"`
}

type answer struct {
	Said  string `json:"said"`
	Error string `json:"error,omitempty"`
}

type judge struct {
	decoder   runtime.Decoder
	evaluator quota.Evaluator
}

func main() {
	scheme := runtime.NewScheme()
	if err := corev1.AddToScheme(scheme); err != nil {
		log.Fatal(err)
	}
	own := judge{
		decoder:   serializer.NewCodecFactory(scheme).UniversalDeserializer(),
		evaluator: core.NewPodEvaluator(nil, clock.RealClock{}),
	}
	in := bufio.NewReader(os.Stdin)
	out := bufio.NewWriter(os.Stdout)
	if err := own.answerAll(in, json.NewEncoder(out)); err != nil {
		log.Fatal(err)
	}
	if err := out.Flush(); err != nil {
		log.Fatal(err)
	}
}

func (j judge) answerAll(in *bufio.Reader, out *json.Encoder) error {
	out.SetEscapeHTML(false)
	for {
		line, err := in.ReadBytes('\n')
		if len(line) > 0 {
			said, fault := j.judge(line)
			given := answer{Said: said}
			if fault != nil {
				given.Error = fault.Error()
			}
			if err := out.Encode(given); err != nil {
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

// judge asks Kubernetes' own rule, as the API server does when a pod is created, or resized if there was one before.
func (j judge) judge(line []byte) (string, error) {
	asked := question{}
	if err := json.Unmarshal(line, &asked); err != nil {
		return "", err
	}
	pod, before := &corev1.Pod{}, &corev1.Pod{}
	if err := j.decode(asked.Pod, "Pod", pod); err != nil {
		return "", err
	}
	operation, subresource, old := admission.Create, "", runtime.Object(nil)
	if asked.Before != nil {
		if err := j.decode(asked.Before, "Pod", before); err != nil {
			return "", err
		}
		operation, subresource, old = admission.Update, "resize", before
	}
	quotas := make([]corev1.ResourceQuota, len(asked.Quotas))
	for i, each := range asked.Quotas {
		if err := j.decode(each, "ResourceQuota", &quotas[i]); err != nil {
			return "", err
		}
	}
	kind, resource := corev1.SchemeGroupVersion.WithKind("Pod"), corev1.SchemeGroupVersion.WithResource("pods")
	attributes := admission.NewAttributesRecord(
		pod, old, kind, "default", pod.Name, resource, subresource, operation, nil, false, nil)
	if _, err := resourcequota.CheckRequest(quotas, attributes, j.evaluator, nil); err != nil {
		_, said, found := strings.Cut(err.Error(), " is forbidden: ")
		if !found {
			said = err.Error()
		}
		return said, nil
	}
	return "", nil
}

func (j judge) decode(data []byte, kind string, into runtime.Object) error {
	what := corev1.SchemeGroupVersion.WithKind(kind)
	_, _, err := j.decoder.Decode(data, &what, into)
	return err
}
