"""A real Slurm on this machine: a controller and two nodes with two pretended GPUs each.

Needs root and Debian's packages slurmctld, slurmd, slurm-client, munge. `Cluster` starts them on
free ports, one cluster at a time on a machine. A guardian process takes away all that it made when
the cluster is left, and also when the process that started it is killed; a later cluster takes away
what a killed guardian left.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

ETC = Path("/etc/slurm")
CONFIGLESS = Path("/run/slurm/conf")
STATE = Path("/tmp/afn-test-slurm")
LOCK = Path("/tmp/afn-test-slurm.lock")
NAME = "afn_test"
FILES = ("slurm.conf", "gres.conf")
PROGRAMS = ("slurmctld", "slurmd", "sbatch", "squeue", "scontrol", "munged")
DAEMONS = ("slurmctld", "slurmscriptd", "slurmd", "slurmstepd", "munged")
NODES = ("n1", "n2")
GPUS = 2

CONFIGURATION = """ClusterName={name}
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={port}
AuthType=auth/munge
# A requeued job waits until its old credential has expired.
AuthInfo=socket={state}/munge/socket,cred_expire=15
CryptoType=crypto/munge
SlurmUser=root
SlurmdUser=root
StateSaveLocation={state}/state
SlurmdSpoolDir={state}/spool-%n
SlurmctldPidFile={state}/slurmctld.pid
SlurmdPidFile={state}/slurmd-%n.pid
SlurmctldLogFile={state}/slurmctld.log
SlurmdLogFile={state}/slurmd-%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
MpiDefault=none
MinJobAge=600
DefMemPerCPU=1000
ReturnToService=2
SlurmdParameters=config_overrides
GresTypes=gpu
# The profile has to ask for it.
JobRequeue=0
KillWait=20
{nodes}
PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""
NODE = (
    "NodeName={name} NodeHostname={host} NodeAddr=127.0.0.1 Port={port} CPUs=4 RealMemory=64000 "
    "Gres=gpu:{gpus} State=UNKNOWN"
)


def missing() -> str:
    """Why no Slurm can be started here; "" if it can."""
    absent = [name for name in PROGRAMS if shutil.which(name) is None]
    if absent:
        return f"needs {', '.join(absent)}: apt-get install slurmctld slurmd slurm-client munge"
    if os.geteuid() != 0:
        return "needs root, to start Slurm's daemons"
    if "SLURM_CONF" in os.environ or "SLURM_JOB_ID" in os.environ:
        return "this machine belongs to a Slurm cluster (SLURM_CONF or SLURM_JOB_ID is set)"
    places = [*(ETC / name for name in FILES if not _ours(name)), CONFIGLESS]
    foreign = [place for place in places if os.path.lexists(place)]
    if foreign:
        return f"this machine has a Slurm of its own: {foreign[0]}"
    return ""


def _ours(name: str) -> bool:
    path = ETC / name
    return path.is_symlink() and os.readlink(path) == str(STATE / name)


class Cluster:
    """Started on entering, gone on leaving; waits as long as another one is there."""

    def __enter__(self) -> Cluster:
        self.lock = LOCK.open("w")
        fcntl.flock(self.lock, fcntl.LOCK_EX)
        clean()
        # It reads a pipe whose only writer is this process, so it learns of any end of it, and it
        # holds the lock until all is gone.
        self.guardian = subprocess.Popen(
            [sys.executable, str(Path(__file__).resolve())],
            stdin=subprocess.PIPE,
            pass_fds=[self.lock.fileno()],
            start_new_session=True,
        )
        try:
            self._start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.guardian.communicate()
        self.lock.close()

    def _start(self) -> None:
        STATE.mkdir(mode=0o755)
        self._start_munge()
        for number in range(GPUS):
            # Slurm wants character devices: these are more of /dev/null.
            subprocess.run(["mknod", STATE / f"gpu{number}", "c", "1", "3"], check=True)
        host = socket.gethostname().split(".")[0]
        control, *ports = _free_ports(1 + len(NODES))
        nodes = [
            NODE.format(name=name, host=host, port=port, gpus=GPUS)
            for name, port in zip(NODES, ports, strict=True)
        ]
        text = CONFIGURATION.format(
            name=NAME, host=host, port=control, state=STATE, nodes="\n".join(nodes)
        )
        (STATE / "slurm.conf").write_text(text)
        gpus = [f"NodeName={n} Name=gpu File={STATE}/gpu[0-{GPUS - 1}]" for n in NODES]
        (STATE / "gres.conf").write_text("\n".join(gpus) + "\n")
        ETC.mkdir(exist_ok=True)
        for name in FILES:
            # Job steps look for the configuration there and nowhere else.
            (ETC / name).symlink_to(STATE / name)
        self._spawn("slurmctld", "-D")
        for name in NODES:
            self.start_node(name)
        wait(lambda: self.states() == dict.fromkeys(NODES, "idle"), 120)

    def _start_munge(self) -> None:
        folder, key = STATE / "munge", STATE / "munge.key"
        folder.mkdir(mode=0o755)
        key.write_bytes(os.urandom(128))
        key.chmod(0o400)
        for path in (folder, key):
            shutil.chown(path, "munge")
        self._spawn(
            *("setpriv", "--reuid=munge", "--regid=munge", "--clear-groups"),
            *("munged", "--foreground", "--force", f"--key-file={key}"),
            *(f"--socket={folder}/socket", f"--pid-file={folder}/pid"),
            *(f"--log-file={folder}/log", f"--seed-file={folder}/seed"),
        )
        wait((folder / "socket").exists, 60)

    def _spawn(self, *command: str) -> None:
        with (STATE / "daemons.log").open("ab") as log:
            subprocess.Popen(
                command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True
            )

    def start_node(self, name: str) -> None:
        self._spawn("slurmd", "-D", "-N", name)

    def stop_node(self, name: str) -> None:
        """What a power cut does: all is gone before anything can tell the controller."""
        _kill_all(f"{STATE}/slurmd-{name}.log", f"SLURMD_NODENAME={name}")
        scontrol("update", f"NodeName={name}", "State=DOWN", "Reason=test")

    def states(self) -> dict[str, str]:
        lines = _output("sinfo", "-N", "-h", "-o", "%N %T").splitlines()
        return dict(line.split() for line in lines)

    def jobs(self) -> dict[str, str]:
        """Number -> state of all jobs that the controller remembers."""
        lines = _output("squeue", "-h", "--states=all", "-o", "%i|%T").splitlines()
        return dict(line.split("|") for line in lines)


def details(job: str) -> dict[str, str]:
    """What the controller knows of a job."""
    words = _output("scontrol", "show", "job", "--details", "--oneliner", job).split()
    return dict(word.split("=", 1) for word in words if "=" in word)


def start_of(job: str) -> float:
    """When a job started, in seconds since 1970."""
    return float(_output("squeue", "-h", "-j", job, "-o", "%S"))


def end_of(job: str) -> float:
    """When a job's time is over, in seconds since 1970."""
    return float(_output("squeue", "-h", "-j", job, "-o", "%e"))


def scontrol(*arguments: str) -> None:
    subprocess.run(["scontrol", *arguments], check=True, capture_output=True, text=True)


def scancel(job: str) -> None:
    subprocess.run(["scancel", job], check=True)


def wait(condition: Callable[[], object], seconds: float, say: Callable[[], str] = str) -> None:
    """Wait for a condition; raises AssertionError with the daemons' logs and what ``say`` adds."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            logs = [f"{p}:\n{p.read_text()[-1500:]}" for p in STATE.glob("*.log")]
            raise AssertionError("\n".join(["waited in vain", *logs, say()]))
        time.sleep(0.1)


def clean() -> None:
    """Take away everything that a cluster made, whoever started it."""
    try:
        _kill_all(f"{STATE}/")
    finally:
        for name in FILES:
            if _ours(name):
                (ETC / name).unlink()
        shutil.rmtree(STATE, ignore_errors=True)


def leftovers() -> list[str]:
    """What is there of a cluster."""
    pids = [*_daemons(f"{STATE}/"), *_processes(f"SLURM_CLUSTER_NAME={NAME}")]
    paths = [*(ETC / name for name in FILES if _ours(name)), *STATE.parent.glob(STATE.name)]
    return [str(one) for one in (*pids, *paths)]


def _daemons(start: str) -> list[int]:
    """Slurm's and munge's processes that have a file open whose path begins like this."""
    found = []
    for entry, _ in _living():
        with contextlib.suppress(OSError):
            if (entry / "comm").read_text().strip() in DAEMONS:
                links = [os.readlink(file) for file in (entry / "fd").iterdir()]
                if any(link.startswith(start) for link in links):
                    found.append(int(entry.name))
    return found


def _processes(*variables: str) -> list[int]:
    """Processes in whose environment all of these stand."""
    found = []
    for entry, state in _living():
        with contextlib.suppress(OSError):
            given = (entry / "environ").read_bytes().decode(errors="replace").split("\0")
            if state != "Z" and all(variable in given for variable in variables):
                found.append(int(entry.name))
    return found


def _living() -> Iterator[tuple[Path, str]]:
    """Folder in /proc and state of every process but this one."""
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError, IndexError):
            state = (entry / "stat").read_text().rpartition(")")[2].split()[0]
            if int(entry.name) != os.getpid():
                yield entry, state


def _kill_all(start: str, *variables: str) -> None:
    """Kill daemons by their files, and processes of jobs by their environment, until all are gone.

    The daemons go first, so that they neither start anything nor tell of it.
    """
    end = time.monotonic() + 20
    while pids := [*_daemons(start), *_processes(f"SLURM_CLUSTER_NAME={NAME}", *variables)]:
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        if time.monotonic() > end:
            raise TimeoutError(f"processes {pids} of the test cluster cannot be killed")
        # Giving back much memory takes a process a moment.
        time.sleep(0.05)


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


def _output(*command: str) -> str:
    environment = {**os.environ, "SLURM_TIME_FORMAT": "%s"}
    return subprocess.run(
        command, env=environment, capture_output=True, text=True, check=False
    ).stdout


if __name__ == "__main__":
    sys.stdin.read()
    clean()
