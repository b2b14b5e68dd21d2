# queued
