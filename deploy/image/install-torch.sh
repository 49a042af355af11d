#!/bin/sh
# install-torch.sh PYTHON LOCK WHEELS INDEX [SHA256]: installs the lock's PyTorch, as a CPU build, with what it needs.
#
# The lock pins PyTorch as the package index has it, which on x86-64 is a CUDA build of several GB. Its version is kept;
# the CPU build of it comes from the folder WHEELS where one lies there, else from INDEX. What a CUDA build needs besides
# is left out; everything else comes from the lock with its hashes. SHA256 is that of the CPU build's wheel, which the lock
# does not know; another one is then refused.
set -eu

python=$1
lock=$2
wheels=$3
index=$4
sha256=${5:-}

# A requirement is a line that begins with a name, and the indented lines after it.
awk '
    /^[a-z]/ { kept = ($0 !~ /^(torch|triton|cuda-|nvidia-)/) }
    /^[a-z ]/ && kept
' "$lock" >/tmp/torch-needs.txt
version=$(sed -n 's/^torch==\([^ ]*\).*/\1/p' "$lock")

python3 -m pip --python "$python" install --no-cache-dir --require-hashes --only-binary :all: -r /tmp/torch-needs.txt

set -- --index-url "$index"
for wheel in "$wheels"/torch-"$version"*.whl; do
    [ -e "$wheel" ] && set -- --no-index --find-links "$wheels"
done
echo "torch==$version${sha256:+ --hash=sha256:$sha256}" >/tmp/torch.txt
python3 -m pip --python "$python" install --no-cache-dir --no-deps --only-binary :all: "$@" -r /tmp/torch.txt
"$python" -c 'import torch; assert torch.version.cuda is None, f"not a CPU build: {torch.__version__}"'
