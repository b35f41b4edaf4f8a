"""Importing files of other historians."""
