"""``python -m toolkit``: suggest settings, audit batches, train, open the notebooks."""

import sys

from toolkit.commands import main

sys.exit(main())
