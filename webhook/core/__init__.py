"""The pure core: values in, values out. No clock, thread, socket, file, environment or Kubernetes client."""
