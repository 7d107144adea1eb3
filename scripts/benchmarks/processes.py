"""What a process takes, from /proc."""

from pathlib import Path


def memory_mb(pid: int, field: str) -> float:
    """field is Rss or Pss. 1 MB is 10^6 bytes; the kernel's kB is 1024."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith(f"{field}:")) * 1024 / 1e6


def cpu_s(pid: int) -> float:
    """Of all its threads; schedstat counts nanoseconds, stat only hundredths of a second."""
    threads = Path(f"/proc/{pid}/task").glob("*/schedstat")
    return sum(int(path.read_text().split()[0]) for path in threads) / 1e9
