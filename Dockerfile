# The bundle and the very Node that package-lock.json pins, on a base with nothing else in it: no shell, no npm.
#
#   docker build -t chartroom .
#   docker run --read-only -p 8080:8080 -v ./chartroom.yaml:/etc/chartroom/config.yaml:ro -v chartroom-data:/data chartroom

ARG BUILD_IMAGE=docker.io/library/node:24-bookworm-slim
# Pin it by digest where builds must repeat: --build-arg BASE_IMAGE=gcr.io/distroless/cc-debian12@sha256:...
ARG BASE_IMAGE=gcr.io/distroless/cc-debian12

FROM ${BUILD_IMAGE} AS build
WORKDIR /build
COPY package.json package-lock.json ./
RUN npm ci --no-audit --no-fund
COPY scripts/bundle.ts scripts/
COPY src src
RUN npm run build && node -e "require('node:fs').mkdirSync('data')"

FROM ${BASE_IMAGE}
ARG VERSION=0.1.0
LABEL org.opencontainers.image.title="Chartroom" \
      org.opencontainers.image.description="Every Helm chart at one address: mirrors chart repositories and OCI registries and serves them as one chart repository and one registry." \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}"
COPY --from=build /build/node_modules/node/bin/node /usr/local/bin/node
COPY LICENSE NOTICE /app/
COPY --from=build /build/node_modules/openpgp/LICENSE /app/LICENSE.openpgp
COPY --from=build /build/dist /app
# A new volume takes its owner from here.
COPY --from=build --chown=65532:65532 /build/data /data
# Our few threads need no heaps of their own: with two between them the process needs 30 MB less.
ENV NODE_ENV=production \
    MALLOC_ARENA_MAX=2 \
    CHARTROOM_CONFIG=/etc/chartroom/config.yaml \
    CHARTROOM_LISTEN=0.0.0.0:8080 \
    CHARTROOM_DATA=/data
WORKDIR /data
USER 65532:65532
VOLUME /data
EXPOSE 8080
STOPSIGNAL SIGTERM
ENTRYPOINT ["/usr/local/bin/node", "/app/main.js"]
CMD ["serve"]
