"""``python -m toolkit``: settings for a data set, and reports of batches."""

import sys

from toolkit.reports.command import main

sys.exit(main())
