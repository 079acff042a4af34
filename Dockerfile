# Any Debian or Python image with Python 3.11 will do, the same one for all stages.
ARG BASE_IMAGE=docker.io/library/python:3.11-slim-bookworm

# What changes seldom: the dependencies, in an environment that has no pip in it. All that runs runs here and in the next
# stage, on the building machine's architecture; the image's own is TARGETARCH, which --platform sets.
FROM --platform=${BUILDPLATFORM} ${BASE_IMAGE} AS dependencies
COPY image /build/image
RUN python3 -m venv /opt/build \
 && /opt/build/bin/pip install --no-cache-dir --no-deps --require-hashes --requirement /build/image/building.txt \
 && python3 -m venv --without-pip /opt/headroom
COPY requirements.txt /src/
WORKDIR /build
ARG TARGETARCH
# Compiled here, since nothing can be written at run time; checked by no clock, since copies change file times.
RUN /opt/build/bin/python -m image.dependencies /src/requirements.txt /opt/headroom/lib/python3.*/site-packages "${TARGETARCH}" \
 && /opt/headroom/bin/python -m compileall -q --invalidation-mode unchecked-hash /opt/headroom/lib

# What changes often: Headroom itself, under a root of its own, so that its layer holds nothing else.
FROM dependencies AS application
COPY pyproject.toml requirements-tools.txt README.md LICENSE /src/
COPY certs /src/certs
COPY webhook /src/webhook
ARG TARGETARCH
WORKDIR /src
RUN /opt/build/bin/pip wheel --no-cache-dir --no-deps --no-build-isolation --wheel-dir /wheels . \
 && /opt/build/bin/pip --python /opt/headroom/bin/python install \
      --no-cache-dir --no-compile --no-deps --no-warn-script-location --root /application /wheels/kubectl_headroom-*.whl \
 && /opt/headroom/bin/python -m compileall -q --invalidation-mode unchecked-hash \
      -s /application /application/opt/headroom/lib \
 && cd /build && PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=$(echo /application/opt/headroom/lib/python3.*/site-packages) \
      /opt/headroom/bin/python -m image.check "${TARGETARCH}"

# What is shipped: two layers on the base, and nothing is run here.
FROM ${BASE_IMAGE}
COPY --from=dependencies /opt/headroom /opt/headroom
COPY --from=application /application/ /
ENV PATH=/opt/headroom/bin:${PATH}
# By number, so that the kubelet can see that it is not root.
USER 65532:65532
EXPOSE 8443 8080
ENTRYPOINT ["headroom"]
CMD ["serve", "--listen=0.0.0.0:8443", "--metrics-listen=0.0.0.0:8080", \
     "--tls-cert-file=/etc/headroom/tls/tls.crt", "--tls-key-file=/etc/headroom/tls/tls.key"]
# Last, so that a label never makes a layer new.
ARG VERSION=0.1.0
LABEL org.opencontainers.image.title="headroom" \
      org.opencontainers.image.description="Keeps the memory that a Kubernetes cluster has promised below what it has" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.source="https://github.com/OWNER/headroom" \
      org.opencontainers.image.documentation="https://github.com/OWNER/headroom/blob/main/docs/install.md" \
      org.opencontainers.image.version="${VERSION}"
