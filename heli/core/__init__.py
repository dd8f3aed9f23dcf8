"""What every room stands on: who acts (Actor), where (scope), how a write happens (step), what is remembered (Event),
where personal data lives (vault), files, pages, paging, exports. Imports no other room."""
