"""``python -m toolkit``: settings for a data set, reports of batches, trainings, the notebooks."""

import sys

from toolkit.commands import main

sys.exit(main())
