"""What runs inside the machine that `tests/system/test_boot.py` boots: the standard library, on the system's Python."""
