"""The 19 corruptions of CIFAR-10-C for 32x32 colour photographs, one file per family.

Source: D. Hendrycks and T. Dietterich, Benchmarking Neural Network Robustness to Common Corruptions
and Perturbations, ICLR 2019. The constants are those of the CIFAR version, which are milder than
ImageNet's. `afn.tasks.cifar_corruptions.table` lists all; nothing is imported here.
"""
