//go:build !kubernetes_1_36

package main

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/kubernetes/pkg/api/legacyscheme"
	podutil "k8s.io/kubernetes/pkg/api/pod"
	"k8s.io/kubernetes/pkg/apis/core"
)

// defaultPodLevel does what the registry's strategy for pods does before a pod is created.
func defaultPodLevel(pod *corev1.Pod) error {
	internal := &core.Pod{}
	if err := legacyscheme.Scheme.Convert(pod, internal, nil); err != nil {
		return err
	}
	podutil.DefaultPodLevelResources(internal)
	*pod = corev1.Pod{}
	return legacyscheme.Scheme.Convert(internal, pod, nil)
}
