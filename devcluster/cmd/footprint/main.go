// Command footprint says what Kubernetes' own code makes of pods: the second opinion for webhook/core/pods.
//
// It reads pods as JSON lines and answers each with one line: the pod's requests and limits as the scheduler sees them
// (memory in bytes, cpu in millicores), as the pod stands and with what an API server fills in, or why the pod cannot
// be decoded.
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
	"k8s.io/kubernetes/pkg/api/legacyscheme"
	_ "k8s.io/kubernetes/pkg/apis/core/install"
)

type sums struct {
	Memory int64 `json:"memory"`
	CPU    int64 `json:"cpu"`
}

type footprint struct {
	Requests *sums `json:"requests,omitempty"`
	Limits   *sums `json:"limits,omitempty"`
}

type answer struct {
	footprint
	Defaulted *footprint `json:"defaulted,omitempty"`
	Error     string     `json:"error,omitempty"`
}

// As the scheduler sets them in pkg/scheduler/framework/plugins/noderesources, with all features on.
var options = resource.PodResourcesOptions{
	UseStatusResources: true,
	InPlacePodLevelResourcesVerticalScalingEnabled: true,
	UseDRANodeAllocatableResourceClaimStatus:       true,
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
	defaulted := pod.DeepCopy()
	legacyscheme.Scheme.Default(defaulted)
	if err := defaultPodLevel(defaulted); err != nil {
		return answer{Error: err.Error()}
	}
	given := count(defaulted)
	return answer{footprint: count(pod), Defaulted: &given}
}

func count(pod *corev1.Pod) footprint {
	// Each of a copy: adding overhead may write into quantities that the pod still holds, or that its defaults share.
	requests := sum(resource.PodRequests(pod.DeepCopy(), options))
	return footprint{Requests: requests, Limits: sum(resource.PodLimits(pod.DeepCopy(), options))}
}

func sum(list corev1.ResourceList) *sums {
	return &sums{Memory: list.Memory().Value(), CPU: list.Cpu().MilliValue()}
}
