//go:build kubernetes_1_36

package main

import corev1 "k8s.io/api/core/v1"

// defaultPodLevel has nothing to do: SetDefaults_Pod has done it.
func defaultPodLevel(*corev1.Pod) error { return nil }
