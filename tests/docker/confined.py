"""The file system and the account that the image's processes have, made by the kernel without a container engine.

A mount namespace of its own, whose root holds what the image does: the system's programs, Python and `/opt/ciconia`, all
read-only; the configuration at `/etc/ciconia`, read-only; and what `docker/compose.yaml` lets be written, `/tmp` and
`/var/lib/ciconia`. In it runs the image's account, without a capability and without a way to get one. Whoever may not
mount anything cannot do this.
"""

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ACCOUNT = 10001
CONFIGURATION, DATA = "/etc/ciconia", "/var/lib/ciconia"
_SCRIPT = f"""
set -eu
root=$1 opt=$2 python=$3 city=$4 data=$5 path=$6
shift 6
mount -t tmpfs -o mode=0755 tmpfs "$root"
keep() {{
    mkdir -p "$root$2"
    mount --rbind "$1" "$root$2"
    mount -o "remount,bind,$3" "$root$2"
}}
mkdir "$root/etc" "$root/tmp"
mount -t tmpfs -o mode=1777 tmpfs "$root/tmp"
for each in /bin /sbin /lib /lib32 /lib64; do
    if [ -L "$each" ]; then cp -P "$each" "$root$each"; elif [ -e "$each" ]; then keep "$each" "$each" ro; fi
done
for each in /etc/hosts /etc/resolv.conf /etc/nsswitch.conf /etc/localtime; do
    if [ -e "$each" ]; then cp -L "$each" "$root$each"; fi
done
keep /usr /usr ro
keep /dev /dev rw
keep /proc /proc rw
case "$python" in /usr | /usr/*) ;; *) keep "$python" "$python" ro ;; esac
keep "$opt" "$opt" ro
keep "$city" {CONFIGURATION} ro
keep "$data" {DATA} rw
mount -o remount,ro "$root"
exec chroot "$root" setpriv --reuid={ACCOUNT} --regid={ACCOUNT} --clear-groups --no-new-privs --bounding-set=-all \\
    --inh-caps=-all env -i PATH="$path" PYTHONDONTWRITEBYTECODE=1 HOME=/nonexistent "$@"
"""


@dataclass(frozen=True, slots=True)
class Confined:
    """A root for one image, and the folders of this machine that its mounts show."""

    root: Path
    opt: Path
    city: Path
    data: Path

    def line(self, *command: str) -> list[str]:
        """The command line that runs a command of the image in there; its process is the one that is started."""
        path = f"{self.opt}/bin:/usr/local/bin:/usr/bin:/bin"
        folders = [str(folder) for folder in (self.root, self.opt, sys.base_prefix, self.city, self.data)]
        return ["unshare", "--mount", "sh", "-c", _SCRIPT, "confined", *folders, path, *command]


def require_mounting() -> None:
    """Skip where nobody may mount: not on a laptop without root, and not in a container without its capability."""
    try:
        tried = subprocess.run(["unshare", "--mount", "true"], capture_output=True, check=False)
    except OSError:
        pytest.skip("there is no `unshare` here")
    if tried.returncode:
        pytest.skip("this account may not mount anything: the image's file system is not tried")
