"""One way to watch a long run: on a screen, in files, and from other processes.

``progress`` holds the state (:class:`~etl.runtime.watch.progress.Watch`), ``snapshot`` what is known of it at
one moment; ``terminal``, ``lines``, ``status_file`` and ``log_file`` each show snapshots in their own place.
"""
