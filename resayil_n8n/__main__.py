"""Write the templates anew: ``python -m resayil_n8n n8n/templates``."""

import sys
from pathlib import Path

from resayil_n8n.library import write

write(Path(sys.argv[1]))
