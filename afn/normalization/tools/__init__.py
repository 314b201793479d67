"""What is done to whole models: conversion and folding."""
