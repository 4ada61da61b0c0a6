"""Imports of pages: folders of Markdown, and what Notion exports, from a zip into the pages below a page."""
