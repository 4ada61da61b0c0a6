"""What other sites say of their pages, to show it beside a link: oEmbed, OpenGraph, a page's head."""
