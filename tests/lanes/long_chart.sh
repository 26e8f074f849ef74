#!/usr/bin/env bash
# The chart's objects on a real kube-apiserver, built from the Go modules of Kubernetes (about
# twelve minutes once, kept in build/): long_chart.sh PYTHON HELM
set -euo pipefail
kube=1.34.1
program=$PWD/build/kube/kube-apiserver-$kube
command -v etcd > /dev/null || { apt-get update -qq && apt-get install -y -qq --no-install-recommends etcd-server > /dev/null; }
if [ ! -x "$program" ]; then
  rm -rf build/kube && mkdir -p build/kube/module
  (cd build/kube/module
   # The modules that Kubernetes keeps beside itself are published under 0.MINOR.PATCH.
   source=$(go mod download -json k8s.io/kubernetes@v$kube | sed -n 's/^.*"Dir": "\(.*\)",$/\1/p')
   { echo "module apiserver"; grep -m1 '^go ' "$source/go.mod"; echo "require k8s.io/kubernetes v$kube"
     grep -oE 'k8s.io/[a-z-]+ => ./staging/src' "$source/go.mod" | awk -v to="v0.${kube#1.}" '{print "replace " $1 " => " $1 " " to}'; } > go.mod
   printf '//go:build tools\n\npackage tools\n\nimport _ "k8s.io/kubernetes/cmd/kube-apiserver"\n' > tools.go
   go mod tidy -e 2> ../tidy.log
   go build -ldflags "-s -w" -o "$program" k8s.io/kubernetes/cmd/kube-apiserver)
fi
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
full=(--set serve.enabled=true --set secrets.stateUrl=true --set-string 'overlay.codes\.tsv=x' --set sync.timeZone=Europe/Berlin)
"$2" template demo deploy/chart -f deploy/chart/tests/values/site.yaml "${full[@]}" --kube-version ${kube%.*}.0 > "$folder/all.yaml"
"$2" template small deploy/chart -f deploy/chart/tests/values/site.yaml --kube-version ${kube%.*}.0 > "$folder/small.yaml"
"$1" tests/lanes/api_server.py "$program" "$folder/all.yaml" "$folder/small.yaml"
