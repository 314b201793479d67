"""Tests of an order: does the score rise, or fall, over ordered levels?"""
