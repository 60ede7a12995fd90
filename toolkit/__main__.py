"""``python -m toolkit``: settings for a data set, reports of batches, trainings."""

import sys

from toolkit.commands import main

sys.exit(main())
