"""The papers that Konomi carries on from, reproduced: from data to a page that sets paper and run side by side."""
