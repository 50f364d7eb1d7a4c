import sys

from aibenchc.cli import main

sys.exit(main())
