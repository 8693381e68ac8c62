"""``python -m scalinglaws`` is the command ``scalinglaws``."""

from .cli import main

if __name__ == "__main__":
    main()
