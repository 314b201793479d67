"""What every room needs and no room owns: standard library only.

Errors, canonical JSON and the seal, named seed streams, whole files, one reader of a run's folder,
locks and leases, the ledger of events, processes, conditions. Imports nothing else of this project.
"""
