"""``python workflow/run.py``: run a study of this checkout; what ``make report`` calls.

The work is that of `afn.command.driver`, in the checkout's own folder and with its own code.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    os.chdir(ROOT)
    from afn.command import unchanged

    if page := unchanged.page_of(sys.argv[1:]):
        print(unchanged.told(page))
        sys.exit(0)

    from afn.command.driver import main

    sys.exit(main())
