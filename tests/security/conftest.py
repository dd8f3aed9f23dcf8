from tests.invariants.conftest import counties as counties
