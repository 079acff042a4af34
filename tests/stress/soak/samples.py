"""Values that several tests of the soak share."""

from tests.stress.clients import WEBHOOK
from tests.stress.figures import MI
from tests.stress.soak.vitals import SHORTEST, Life, Vitals

BROKEN = f'failed calling webhook "{WEBHOOK}": Post "https://127.0.0.1:1/validate/...": EOF'

STEADY = Vitals(0.0, 100 * MI, 30, 40, 10)


def life(last: Vitals, seconds: float = SHORTEST) -> Life:
    """A life that holds `last` in its last third, and what is usual before; nine samples."""
    held = (*(STEADY,) * 6, *(last,) * 3)
    return Life(1, 100, tuple(each._replace(at=seconds * number / 8) for number, each in enumerate(held)))
