// Command footprint says what Kubernetes' own code makes of pods: the second opinion for webhook/core/footprint.py.
//
// It reads pods as JSON lines and answers each with one line: the pod's requests and limits as the scheduler sees them
// (memory in bytes, cpu in millicores), or why the pod cannot be decoded.
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"io"
	"log"
	"os"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/component-helpers/resource"
)

type sums struct {
	Memory int64 `json:"memory"`
	CPU    int64 `json:"cpu"`
}

type answer struct {
	Requests *sums  `json:"requests,omitempty"`
	Limits   *sums  `json:"limits,omitempty"`
	Error    string `json:"error,omitempty"`
}

// As the scheduler sets them in pkg/scheduler/framework/plugins/noderesources, with both features on.
var options = resource.PodResourcesOptions{
	UseStatusResources: true,
	InPlacePodLevelResourcesVerticalScalingEnabled: true,
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
	scheme := runtime.NewScheme()
	if err := corev1.AddToScheme(scheme); err != nil {
		return err
	}
	decoder := serializer.NewCodecFactory(scheme).UniversalDeserializer()
	for {
		line, err := in.ReadBytes('\n')
		if len(line) > 0 {
			if err := out.Encode(judge(decoder, line)); err != nil {
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

// judge decodes as the API server does (case-sensitive, null is absent) and asks Kubernetes' own rule.
func judge(decoder runtime.Decoder, line []byte) answer {
	kind := corev1.SchemeGroupVersion.WithKind("Pod")
	pod := &corev1.Pod{}
	if _, _, err := decoder.Decode(line, &kind, pod); err != nil {
		return answer{Error: err.Error()}
	}
	// Requests last: adding overhead may write into quantities that the pod still holds.
	limits := sum(resource.PodLimits(pod, options))
	return answer{Requests: sum(resource.PodRequests(pod, options)), Limits: limits}
}

func sum(list corev1.ResourceList) *sums {
	return &sums{Memory: list.Memory().Value(), CPU: list.Cpu().MilliValue()}
}
