"""What is learned and on what it is tested: source arrays, splits, shifted test conditions.

`REGISTRY` maps the name that a study file uses to ``"module:Class"``. It holds strings, so that
reading it loads no data library. ``python -m afn.tasks prepare NAME`` turns a task into plain
arrays once; training only reads those (`load`), without scikit-learn or torchvision.

Where the user's files belong, in the folder that ``--data-dir`` names; what is marked (d) is
downloaded by torchvision where it is absent::

    cifar10    cifar-10-batches-py/ (d), or cifar10/{train,test}.npz
    cifar100   cifar-100-python/ (d), or cifar100/{train,test}.npz
    cifar10_c  as cifar10; CIFAR-10-C/{<corruption>,labels}.npy, else made and named regenerated
    digits     MNIST/raw/ (d), SVHN/ (d), USPS/ (d), SYN/synth_{train,test}_32x32.mat,
               mnist_m/{train,test}.npz or mnist_m/mnist_m_{train,test}/ with their _labels.txt
    pacs       PACS/[kfold/]<domain>/<class>/, PACS/<domain>_{train,crossval}_kfold.txt
    images     <folder>/{train,test,val,<condition>}.npz, or folders <part>/<class>/ of pictures

An npz file holds ``images`` uint8 (N, H, W, C) and ``labels`` int64 (N,).
"""

from __future__ import annotations

import importlib

REGISTRY = {
    "cifar10": "afn.tasks.cifar:Cifar10",
    "cifar10_c": "afn.tasks.cifar10_c:Cifar10C",
    "cifar100": "afn.tasks.cifar:Cifar100",
    "digits": "afn.tasks.digits:Digits",
    "digits8x8": "afn.tasks.digits8x8:Digits8x8",
    "images": "afn.tasks.images:Images",
    "pacs": "afn.tasks.pacs:Pacs",
    "shifted": "afn.tasks.shifted:Shifted",
}

_LAZY = {
    "Prepared": "afn.tasks.base",
    "TestSet": "afn.tasks.base",
    "load": "afn.tasks.data.reader",
    "write": "afn.tasks.data.writer",
}


def __getattr__(name: str):
    if name in _LAZY:
        return getattr(importlib.import_module(_LAZY[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
