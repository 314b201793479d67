"""A real Slurm on this machine: a controller and two nodes with two pretended GPUs each.

Needs root and Debian's packages slurmctld, slurmd, slurm-client, munge. `Cluster` starts them on
free ports, and takes away what it made, also what a killed predecessor left behind.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

ETC = Path("/etc/slurm")
STATE = Path("/tmp/afn-test-slurm")
FILES = ("slurm.conf", "gres.conf")
PROGRAMS = ("slurmctld", "slurmd", "sbatch", "squeue", "scontrol", "munged")
NODES = ("n1", "n2")


def missing() -> str:
    """Why no Slurm can be started here; "" if it can."""
    absent = [name for name in PROGRAMS if shutil.which(name) is None]
    if absent:
        return f"needs {', '.join(absent)} (Debian: slurmctld slurmd slurm-client munge)"
    if os.geteuid() != 0:
        return "needs root, to start Slurm's daemons"
    ours = (ETC / "slurm.conf").is_symlink() and os.readlink(ETC / "slurm.conf").startswith(
        str(STATE)
    )
    if os.path.lexists(ETC / "slurm.conf") and not ours:
        return "this machine has a Slurm configuration of its own"
    return ""


def _ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


class Cluster:
    """Started on entering, gone on leaving."""

    def __enter__(self) -> Cluster:
        self._clean()
        try:
            self._start()
        except BaseException:
            self._clean()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._clean()

    def _start(self) -> None:
        STATE.mkdir(mode=0o755)
        host = socket.gethostname().split(".")[0]
        control, *ports = _ports(1 + len(NODES))
        key = STATE / "munge.key"
        key.write_bytes(os.urandom(128))
        key.chmod(0o400)
        shutil.chown(key, "munge")
        munge = STATE / "munge"
        munge.mkdir(mode=0o755)
        shutil.chown(munge, "munge")
        self._spawn(
            "setpriv", "--reuid=munge", "--regid=munge", "--clear-groups", "munged", "--foreground",
            f"--key-file={key}", f"--socket={munge}/socket", f"--pid-file={munge}/pid",
            f"--log-file={munge}/log", f"--seed-file={munge}/seed", "--force",
        )  # fmt: skip
        for number in range(2):
            subprocess.run(["mknod", STATE / f"gpu{number}", "c", "1", "3"], check=True)
        nodes = "\n".join(
            f"NodeName={name} NodeHostname={host} NodeAddr=127.0.0.1 Port={port} CPUs=4 "
            "RealMemory=64000 Gres=gpu:2 State=UNKNOWN"
            for name, port in zip(NODES, ports, strict=True)
        )
        (STATE / "slurm.conf").write_text(
            f"""ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={control}
AuthType=auth/munge
AuthInfo=socket={munge}/socket
CryptoType=crypto/munge
SlurmUser=root
SlurmdUser=root
StateSaveLocation={STATE}/state
SlurmdSpoolDir={STATE}/spool-%n
SlurmctldPidFile={STATE}/slurmctld.pid
SlurmdPidFile={STATE}/slurmd-%n.pid
SlurmctldLogFile={STATE}/slurmctld.log
SlurmdLogFile={STATE}/slurmd-%n.log
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
JobRequeue=1
KillWait=5
{nodes}
PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""
        )
        (STATE / "gres.conf").write_text(
            "\n".join(f"NodeName={n} Name=gpu File={STATE}/gpu[0-1]" for n in NODES) + "\n"
        )
        ETC.mkdir(exist_ok=True)
        for name in FILES:
            (ETC / name).symlink_to(STATE / name)
        _wait(lambda: (munge / "socket").exists(), 20)
        self._spawn("slurmctld", "-D")
        for name in NODES:
            self.start_node(name)
        _wait(lambda: self.states() == dict.fromkeys(NODES, "idle"), 40)

    def _spawn(self, *command: str) -> None:
        log = (STATE / "daemons.log").open("ab")
        process = subprocess.Popen(
            command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True
        )
        log.close()
        with (STATE / "pids").open("a") as file:
            file.write(f"{process.pid} {command[-1] if command[0] == 'slurmd' else command[0]}\n")

    def start_node(self, name: str) -> None:
        self._spawn("slurmd", "-D", "-N", name)

    def stop_node(self, name: str) -> None:
        """What a power cut does: the daemon and all processes of its jobs are gone."""
        pids = [p for p, spool in _daemons() if spool == name]
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        _kill_processes(lambda variables: f"SLURMD_NODENAME={name}" in variables)
        _kill_steps(name)
        scontrol("update", f"NodeName={name}", "State=DOWN", "Reason=test")

    def states(self) -> dict[str, str]:
        lines = _output("sinfo", "-N", "-h", "-o", "%N %T").split("\n")
        return dict(line.split() for line in lines if line)

    def jobs(self) -> dict[str, tuple[str, str, str]]:
        """Number -> (state, node, comment) of jobs that wait or run."""
        lines = _output("squeue", "-h", "-o", "%i|%T|%N|%k").split("\n")
        return {line.split("|")[0]: tuple(line.split("|")[1:]) for line in lines if line}

    def _clean(self) -> None:
        for pid, _ in _daemons():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        _kill_processes(lambda variables: "SLURM_CLUSTER_NAME=test" in variables)
        for name in NODES:
            _kill_steps(name)
        for name in FILES:
            path = ETC / name
            if path.is_symlink() and os.readlink(path).startswith(str(STATE)):
                path.unlink()
        shutil.rmtree(STATE, ignore_errors=True)


def _daemons() -> list[tuple[int, str]]:
    """Process and name of every daemon that was started and still is that daemon."""
    found = []
    with contextlib.suppress(FileNotFoundError):
        for line in (STATE / "pids").read_text().splitlines():
            pid, name = line.split()
            with contextlib.suppress(OSError):
                program = Path(f"/proc/{pid}/cmdline").read_bytes()
                if b"slurm" in program or b"munged" in program:
                    found.append((int(pid), name))
    return found


def _kill_processes(chosen) -> None:
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            variables = (entry / "environ").read_bytes().decode(errors="replace").split("\0")
            if int(entry.name) != os.getpid() and chosen(variables):
                os.kill(int(entry.name), signal.SIGKILL)
        except (OSError, ValueError):
            continue


def _kill_steps(name: str) -> None:
    """Job step managers of a node of ours; their sockets stand in the node's spool folder."""
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            line = (entry / "cmdline").read_bytes().decode(errors="replace")
            links = [os.readlink(f) for f in (entry / "fd").iterdir()]
            if line.startswith("slurmstepd") and any(str(STATE) in link for link in links):
                log = f"{STATE}/slurmd-{name}.log"
                if log in links:
                    os.kill(int(entry.name), signal.SIGKILL)


def _output(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout


def scontrol(*arguments: str) -> None:
    subprocess.run(["scontrol", *arguments], check=True, capture_output=True, text=True)


def scancel(job: str) -> None:
    subprocess.run(["scancel", job], check=True)


def _wait(condition, seconds: float) -> None:
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            logs = [f"{p}:\n{p.read_text()[-1500:]}" for p in STATE.glob("*.log")]
            raise AssertionError("waited in vain\n" + "\n".join(logs))
        time.sleep(0.2)


wait = _wait
